/** What the work comes to, or after so many milliseconds what `late` gives or throws. The work goes on all the same. */
export async function within<T>(work: T | Promise<T>, milliseconds: number, late: () => T): Promise<T> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  try {
    return await Promise.race([work, promise.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}
