/// Why a caller is refused: for the log and metrics alone. The codes are those of Velt's own SDKs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum Refusal {
    /// The request carries none.
    MissingToken,
    /// It is over.
    Expired,
    /// Its signature is not that of the key.
    InvalidSignature,
    /// A claim is missing, or not as it must be: issuer, audience, time, organizations.
    ClaimMismatch,
    /// It was signed in a way that is not allowed here.
    AlgorithmNotAllowed,
    /// There is no key for it, or the keys can't be reached.
    KeyResolutionFailed,
    /// There is nothing to verify it with.
    NotConfigured,
    /// It is no token, or can't be verified for another reason.
    VerificationFailed,
}

impl Refusal {
    /// The code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingToken => "MISSING_TOKEN",
            Self::Expired => "EXPIRED",
            Self::InvalidSignature => "INVALID_SIGNATURE",
            Self::ClaimMismatch => "CLAIM_MISMATCH",
            Self::AlgorithmNotAllowed => "ALGORITHM_NOT_ALLOWED",
            Self::KeyResolutionFailed => "KEY_RESOLUTION_FAILED",
            Self::NotConfigured => "NOT_CONFIGURED",
            Self::VerificationFailed => "VERIFICATION_FAILED",
        }
    }
}
