// A separate file in the package, which is loaded only for a config in YAML.
export { isNode, parseDocument } from 'yaml';
