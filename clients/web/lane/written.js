// When a message was written travels in the id that its sender gives it, so that whoever sees it can tell how long that
// took, on this machine's one clock: `<ms since 1970>-<random>`.

/** Return a new id for a message written now. */
export const newId = () => {
  const nowMs = performance.timeOrigin + performance.now();
  return `${nowMs.toFixed(1)}-${crypto.randomUUID().slice(0, 8)}`;
};

/** Return when a message was written, in ms since 1970; undefined if its id does not say. */
export const writtenAtMs = (id) => {
  const [, ms] = /^(\d{13}\.\d)-/.exec(id) ?? [];
  return ms && Number(ms);
};
