/** Bounds of turns. */
export interface TurnLimits {
  /** Turns at once. */
  readonly turns: number;
  /** Of those, for one identity: who does not use its turns keeps others waiting no longer than that. */
  readonly turnsOfIdentity: number;
  /** Milliseconds after which a turn is over, whatever it was taken for. */
  readonly turnMs: number;
}

/** Who may bring a proxy up to date now: many come at once when an operator has started. */
export interface Turns {
  /**
   * Calls `begin` when it is this one's turn, which may be at once, with what ends the turn.
   * @returns gives the turn, or the place in the queue, back
   */
  take(identity: string, begin: (over: () => void) => void): () => void;
  /** Everybody begins now. */
  open(): void;
}

interface Place {
  readonly identity: string;
  readonly begin: (over: () => void) => void;
  /** Undefined before its turn. */
  over: (() => void) | undefined;
}

/** Turns in the order in which they are asked for, but for identities that have all of theirs. */
export function createTurns(limits: TurnLimits): Turns {
  const queue = new Set<Place>();
  const held = new Map<string, number>();
  let taken = 0;
  let isOpen = false;
  let isDue = false;

  const begin = (place: Place): void => {
    const { identity } = place;
    taken++;
    held.set(identity, (held.get(identity) ?? 0) + 1);
    let isOver = false;
    const over = (): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      taken--;
      const left = (held.get(identity) ?? 0) - 1;
      if (left > 0) held.set(identity, left);
      else held.delete(identity);
      // Others, such as timers and acknowledgements, come between two turns.
      if (!isDue && queue.size > 0) {
        isDue = true;
        setImmediate(next);
      }
    };
    const timer = setTimeout(over, limits.turnMs);
    place.over = over;
    place.begin(over);
  };
  const isFree = (identity: string): boolean =>
    isOpen || (taken < limits.turns && (held.get(identity) ?? 0) < limits.turnsOfIdentity);
  const next = (): void => {
    isDue = false;
    for (const place of queue) {
      if (taken >= limits.turns && !isOpen) return;
      if (!isFree(place.identity)) continue;
      queue.delete(place);
      begin(place);
    }
  };

  return {
    take: (identity, run) => {
      const place: Place = { identity, begin: run, over: undefined };
      if (isFree(identity)) begin(place);
      else queue.add(place);
      return () => {
        queue.delete(place);
        place.over?.();
      };
    },
    open: () => {
      isOpen = true;
      next();
    },
  };
}
