/** Postgres cannot promise that a view's column is filled, so the generator says it may be null. */
export type Filled<Row, Nullable extends keyof Row = never> = {
  [Column in keyof Row]: Column extends Nullable ? Row[Column] : NonNullable<Row[Column]>;
};
