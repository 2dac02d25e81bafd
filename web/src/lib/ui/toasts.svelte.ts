import { createContext } from 'svelte';

export interface Toast {
  id: number;
  tone: 'info' | 'positive' | 'danger';
  message: string;
  action?: { label: string; run: () => void };
}

/** Short news that needs no answer. An error the person must act on belongs beside its cause. */
export class Toasts {
  items = $state.raw<readonly Toast[]>([]);
  #nextId = 1;

  show(message: string, options: Partial<Pick<Toast, 'tone' | 'action'>> = {}): number {
    const id = this.#nextId++;
    const toast: Toast = { tone: 'info', ...options, id, message };
    this.items = [...this.items, toast].slice(-4);
    return id;
  }

  dismiss(id: number): void {
    this.items = this.items.filter((toast) => toast.id !== id);
  }
}

export const [getToasts, setToasts] = createContext<Toasts>();
