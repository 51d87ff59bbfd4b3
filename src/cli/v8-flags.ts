import { setFlagsFromString } from 'node:v8';

const major = Number.parseInt(process.versions.node, 10);

// Newer versions of V8 may not know these flags, and complain.
function setFlag(flag: string): void {
  if (major <= 24) setFlagsFromString(flag);
}

/**
 * Keeps PostgreSQL's parser small. It is WebAssembly, and V8 would compile its largest functions once more for speed that
 * a few files never get back: that takes 50 MB at its peak on Node 20, and 600 on Node 24, where a container has 64. The
 * budget is what a function may use before.
 */
export function keepParserSmall(): void {
  setFlag('--wasm-tiering-budget=2000000000');
}

/**
 * Has V8 wait seven times as long before it optimizes a function: what a run of seconds compiles in the background takes
 * time away from a server on the same machine, and is hardly used before the end.
 */
export function optimizeLate(): void {
  setFlag(major < 22 ? '--interrupt-budget=500000' : '--invocation-count-for-turbofan=20000');
}

/** Keeps what a large fleet leaves behind small (400 MB become less than 200), for a few percent of time. */
export function keepHeapSmall(): void {
  setFlag('--optimize-for-size');
}
