// Replace this with your app.
import { createServer } from 'node:http';

const server = createServer((_, response) => response.end('hello\n'));
server.listen(Number(process.env.PORT ?? 3000), () => console.log('app is up'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
