//! What the operator must change so that a provider accepts our requests, and in which variable.

use outbound::NotAllowed;

use crate::provider_family::ProviderFamily;
use crate::settings::Settings;

/// A model that every key of Google may use.
const SUCCESSOR: &str = "gemini-3.5-flash-lite";

/// What to change. In our words, because the provider's may quote the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The key is refused, with this status.
    Key(u16),
    /// The provider does not know the key.
    UnknownKey,
    /// The project's region is not served, or billing is off.
    Billing,
    Credit,
    DayQuota,
    /// The model is not offered, or no longer.
    Model,
    /// No model API at this address; the status.
    Address(u16),
    /// The address may not be reached.
    NotAllowed(NotAllowed),
    /// The thinking parameters are refused.
    Thinking,
    /// A field that only Google's family accepts is refused.
    Dialect(&'static str),
    /// A signature is missing or changed.
    Signature,
    /// Anything else about the request: the status and the provider's code.
    Form(u16, String),
}

impl Remedy {
    /// The advice, which names the variable or the entry of this model.
    pub fn words(&self, settings: &Settings) -> String {
        let location = SettingLocation(settings);
        match self {
            Self::Key(status) => {
                format!("check {} (the provider answered {status})", location.key())
            }
            Self::UnknownKey => format!("check {} (the provider does not know it)", location.key()),
            Self::Billing => {
                format!("check the region and billing of the project behind {}", location.key())
            }
            Self::Credit => format!("the account behind {} has no credit left", location.key()),
            Self::DayQuota => format!(
                "the quota of the day of {} is spent; raise it at the provider, or wait for \
                 the next day",
                location.key()
            ),
            Self::Model => {
                format!("the model is not offered to this key; {}", location.other_model())
            }
            Self::Address(status) => {
                format!("check {} (the server answered {status})", location.base_url())
            }
            Self::NotAllowed(why) => format!("change {}: {why}", location.base_url()),
            Self::Thinking => {
                "the provider refuses how thinking is asked for; set THINKING=auto".to_owned()
            }
            Self::Dialect(field) => {
                format!("the provider refuses the field {field}; {}", location.other_dialect())
            }
            Self::Signature => {
                "the provider refused the request's form (a thought signature)".to_owned()
            }
            Self::Form(status, word) => {
                format!("the provider refused the request's form ({status} {word})")
            }
        }
    }
}

/// Where a model is configured: in variables, or as an entry of `MODEL_FALLBACKS`.
struct SettingLocation<'a>(&'a Settings);

impl SettingLocation<'_> {
    fn key(&self) -> String {
        match (&self.0.name, &self.0.key_variable) {
            (None, _) => "GEMINI_API_KEY".to_owned(),
            (Some(name), Some(variable)) => {
                format!("{variable}, the key of {name} in MODEL_FALLBACKS")
            }
            (Some(name), None) => format!("the missing api_key_env of {name} in MODEL_FALLBACKS"),
        }
    }

    fn base_url(&self) -> String {
        self.variable("GEMINI_BASE_URL", "base_url")
    }

    fn other_model(&self) -> String {
        match (&self.0.name, self.0.family) {
            (None, ProviderFamily::Gemini) if self.0.model == SUCCESSOR => {
                "set GEMINI_MODEL to a model that it may use".to_owned()
            }
            (None, ProviderFamily::Gemini) => format!("set GEMINI_MODEL={SUCCESSOR}"),
            _ => format!("change {}", self.variable("GEMINI_MODEL", "model")),
        }
    }

    fn other_dialect(&self) -> String {
        match self.0.name {
            None => "set MODEL_DIALECT=openai".to_owned(),
            Some(_) => format!("set {} to openai", self.variable("MODEL_DIALECT", "dialect")),
        }
    }

    fn variable(&self, variable: &str, member: &str) -> String {
        let of_list = |name| format!("the {member} of {name} in MODEL_FALLBACKS");
        self.0.name.as_ref().map_or_else(|| variable.to_owned(), of_list)
    }
}
