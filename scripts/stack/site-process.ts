// Vite's development server in a process of its own, so that its work does not hold up the stack.
import { createServer } from 'vite';

const port = Number(process.argv[2]);

// The stack holds the other end: when it is killed outright, this ends too.
process.stdin.on('end', () => process.exit(0)).resume();

const server = await createServer({
  logLevel: 'warn',
  server: { host: '127.0.0.1', port, strictPort: true },
});
await server.listen();
console.log('\0serving');
