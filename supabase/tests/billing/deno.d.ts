// What the functions use of Deno, so that tests may call their handlers from Node.
declare const Deno: {
  env: { get(name: string): string | undefined };
};

declare module 'npm:razorpay@2.9.8' {
  export { default } from 'razorpay';
}
