import ley from 'ley';

const { url, dir, schema } = JSON.parse(process.argv[2]);
const config = { connectionString: url, options: `-c search_path=${schema}` };
await ley.up({ cwd: dir, dir: '.', driver: 'pg', config });
