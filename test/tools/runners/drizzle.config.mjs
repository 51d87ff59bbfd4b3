import pg from 'pg';

// drizzle-kit exits with 1 and does not say why.
const { query } = pg.Client.prototype;
pg.Client.prototype.query = function (...args) {
  const result = query.apply(this, args);
  result?.catch?.((error) => console.error(error.message));
  return result;
};

export default JSON.parse(process.env.DRIZZLE_TEST);
