export default JSON.parse(process.env.DRIZZLE_TEST);
