/** The key chooses among characters; of the Enter that ends that Safari says so by its code alone. */
export const isComposing = (event: KeyboardEvent): boolean =>
  event.isComposing || event.keyCode === 229;
