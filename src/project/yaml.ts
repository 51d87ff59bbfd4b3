// A file of its own in the package, which both kinds of modules load only for a config in YAML.
export { isNode, parseDocument } from 'yaml';
