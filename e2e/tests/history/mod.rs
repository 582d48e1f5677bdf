//! What lies in the history: other engines read the files, copies of a running backend are complete, `lake verify` finds damage, the fleet's judge finds defects.

mod backup;
mod fleet;
mod open_files;
mod verify;
