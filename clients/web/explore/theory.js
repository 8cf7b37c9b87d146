// The formulas of results/theory.py that the page needs, under the same names; that file has the derivations.
// d: one-way transit time; RTT = 2 d; T: a poller's pause; lambda: events per second that one client should see.

/** The share of events that fall into a period: 1 - exp(-mean), exact for small means. */
export const occupiedShare = (mean) => -Math.expm1(-mean);

/** The share of polls that bring nothing: exp(-lambda T). */
export const emptyShare = (rate, periodS) => Math.exp(-rate * periodS);

/** The longest wait for a poll: the pause, and the transits of a response and of the next request. */
export const pollWaitS = (intervalS, transitS) => intervalS + 2 * transitS;

/** N / (T + RTT): a client that sleeps after each response polls once per sleep and round trip. */
export const shortPollingRequestsPerS = (clients, intervalS, roundTripS) => clients / (intervalS + roundTripS);

/** One held request per event or hold time, and the round trip until the next one is armed. */
export const longPollingRequestsPerS = (rate, roundTripS, holdS) => {
  const heldS = rate ? occupiedShare(rate * holdS) / rate : holdS;
  return 1 / (roundTripS + Math.exp(-rate * roundTripS) * heldS);
};

/** The wait for the next long poll that this share of the events stays below: those that come while none is held. */
export const rearmWaitQuantileS = (share, requestsPerS, roundTripS) => {
  const waiting = requestsPerS * roundTripS;
  return share > 1 - waiting ? (roundTripS * (share - (1 - waiting))) / waiting : 0;
};

/** Sender to receiver over open connections: 2 d, and the transit of the publish to a push service. */
export const pushLatencyS = (transitS, publishS = 0) => 2 * transitS + publishS;

/** One heartbeat every third of a lease. */
export const heartbeatRequestsPerS = (leaseS) => 3 / leaseS;

/** The share of notices that a poller sees while they are true: min(1, E / T). */
export const seenWhileTrue = (aliveS, intervalS) => Math.min(1, aliveS / intervalS);

/** The function-seconds of one user's hour. */
export const functionSeconds = (held, requestsPerS, responseS) => 3600 * (held + requestsPerS * responseS);

/** The share of time that a phone's radio is on: after each packet, be it upkeep or news, until its timer expires. */
export const radioOnShare = (rate, periodS, timerS) => 1 - Math.max(0, 1 - timerS / periodS) * Math.exp(-rate * timerS);
