//! Whether this process, or the machine, has no file left to open: our own lack, and nobody else's.

use std::error::Error;
use std::io;

use nix::errno::Errno;

/// Whether that is what an error, or what it came from, says.
pub fn is_out_of_files(error: &(dyn Error + 'static)) -> bool {
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    let says_so = matches!(code.map(Errno::from_raw), Some(Errno::EMFILE | Errno::ENFILE));
    says_so || error.source().is_some_and(is_out_of_files)
}
