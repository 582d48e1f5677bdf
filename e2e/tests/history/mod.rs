//! What lies in the history: other engines read the files, `lake verify` finds damage, the fleet's judge finds defects.

mod fleet;
mod open_files;
mod verify;
