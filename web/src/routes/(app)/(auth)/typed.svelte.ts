import { createContext } from 'svelte';

/** The address that was typed on one of these pages is there on the next. */
export class Typed {
  email = $state('');
}

export const [getTyped, setTyped] = createContext<Typed>();
