//! Which servers there are, and how patient to be with them.

use std::time::Duration;

use crate::domain::{Secret, Trust};
use crate::resilience::GuardSettings;

/// Which servers there are, and how patient to be with them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The servers, in the order in which their tools are offered.
    pub servers: Vec<ServerSettings>,
    /// The longest that one attempt of one tool call may take.
    pub call_timeout: Duration,
    /// The longest that starting a server and listing its tools may take.
    pub connect_timeout: Duration,
    /// The guard of each server's calls. Its first delay is also the first between two attempts
    /// to connect.
    pub guard: GuardSettings,
    /// How servers are watched and tried again.
    pub pace: Pace,
}

/// How servers are watched and tried again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often a server over HTTP is looked in on: its death does not show by itself.
    pub look_in: Duration,
    /// The longest pause between two attempts to connect, before jitter.
    pub longest_pause: Duration,
    /// After a session that lasted so long the pauses begin anew.
    pub steady: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let often = Duration::from_secs(30);
        Self { look_in: often, longest_pause: often, steady: often }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// What people and logs call it: 1 to 32 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// How far it is believed.
    pub trust: Trust,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A child process of ours, on its standard input and output.
    Child {
        /// The program, looked up in `PATH`.
        command: String,
        /// Its arguments.
        args: Vec<String>,
        /// All it finds in its environment besides `PATH`, `HOME`, `LANG` and `TZ`.
        env: Vec<(String, Secret)>,
    },
    /// A streamable HTTP endpoint.
    Http {
        /// Where it is.
        url: String,
        /// Sent with each request.
        headers: Vec<(String, Secret)>,
    },
}
