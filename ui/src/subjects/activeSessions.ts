/** What an active session is, said once for all pages. */

/** A WAL sender is "active" as long as its standby is connected; it does no work of its own and would hide what does. */
export const ACTIVE = `state = 'active' and coalesce(backend_type, '') <> 'walsender'`;

/** The wait class of an active session; one that waits for nothing is on the CPU. */
export const WAIT_CLASS = `coalesce(wait_event_type, 'CPU')`;
