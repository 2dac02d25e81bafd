// What the functions use of Deno, so that tests may call their handlers from Node.
declare const Deno: {
  env: { get(name: string): string | undefined };
};

declare module 'npm:razorpay@2.9.8' {
  export { default } from 'razorpay';
}

declare module 'npm:@noble/hashes@1.8.0/sha2.js' {
  export { sha256 } from '@noble/hashes/sha2.js';
}

declare module 'npm:@noble/hashes@1.8.0/utils.js' {
  export { bytesToHex } from '@noble/hashes/utils.js';
}
