//! Recognises that this process, or the machine, has no free file. That is no fault of a
//! dependency.

use std::error::Error;
use std::io;

use nix::errno::Errno;

/// Whether an error, or one of its sources, says so.
pub fn is_out_of_files(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    let says_so = matches!(code.map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE));
    says_so || error.source().is_some_and(is_out_of_files)
}
