//! The keys that an issuer publishes, as a JSON Web Key Set.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

use super::claims::TokenKey;

/// More than any issuer publishes.
const MAX_KEYS: usize = 100;

#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<(Option<String>, TokenKey)>);

impl KeySet {
    /// Reads a set. Keys that are not for signatures, or of a kind that is not known here, are left
    /// out: an issuer may add some at any time. `None` if none is left.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let set: Value = serde_json::from_slice(json).ok()?;
        let keys = set.get("keys")?.as_array()?.iter().take(MAX_KEYS);
        let keys = keys.filter_map(|key| token_key(&serde_json::from_value(key.clone()).ok()?));
        let keys: Vec<_> = keys.collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// The key that a token names. One that names none was signed with the only key.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&TokenKey> {
        match (id, self.0.as_slice()) {
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
            (Some(id), keys) => {
                keys.iter().find(|(known, _)| known.as_deref() == Some(id)).map(|(_, key)| key)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

fn token_key(jwk: &Jwk) -> Option<(Option<String>, TokenKey)> {
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
    let algorithm = algorithm_of(jwk).filter(|_| is_for_signatures)?;
    let key = DecodingKey::from_jwk(jwk).ok().filter(|key| key.family() == algorithm.family())?;
    Some((jwk.common.key_id.clone(), TokenKey { algorithm, key }))
}

/// The algorithm that the key names, otherwise the usual one of its kind. A published secret would
/// be none.
fn algorithm_of(jwk: &Jwk) -> Option<Algorithm> {
    let usual = if let AlgorithmParameters::RSA(_) = &jwk.algorithm {
        Algorithm::RS256
    } else if let AlgorithmParameters::EllipticCurve(curve) = &jwk.algorithm {
        let is_small = curve.curve == EllipticCurve::P256;
        let is_large = curve.curve == EllipticCurve::P384;
        (is_small || is_large).then_some(if is_small {
            Algorithm::ES256
        } else {
            Algorithm::ES384
        })?
    } else if let AlgorithmParameters::OctetKeyPair(_) = &jwk.algorithm {
        Algorithm::EdDSA
    } else {
        return None;
    };
    let Some(named) = jwk.common.key_algorithm else { return Some(usual) };
    let named = Algorithm::try_from(named).ok()?;
    // A curve has one algorithm, an RSA key has several.
    let fits = named == usual || named.family() == AlgorithmFamily::Rsa;
    (fits && named.family() == usual.family()).then_some(named)
}
