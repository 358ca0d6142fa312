//! Encryption of what is remembered: AES-256-GCM, a fresh nonce each, bound to its name.

use super::{MemoryError, Name};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};

const NONCE: usize = 12;

pub(super) struct Vault(RandomizedNonceKey);

impl Vault {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, MemoryError> {
        RandomizedNonceKey::new(&AES_256_GCM, key).map(Self).map_err(|_| MemoryError::Failed)
    }

    /// The nonce, then the encrypted content.
    pub(super) fn seal(&self, name: &Name, content: &[u8]) -> Result<Vec<u8>, MemoryError> {
        let mut text = content.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name), &mut text).map_err(|_| MemoryError::Failed)?;
        let mut sealed = Vec::with_capacity(NONCE + text.len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(super) fn open(&self, name: &Name, mut sealed: Vec<u8>) -> Result<Vec<u8>, MemoryError> {
        let (nonce, text) = sealed.split_at_mut_checked(NONCE).ok_or(MemoryError::Failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| MemoryError::Failed)?;
        let length = self.0.open_in_place(nonce, Aad::from(name), text).map_err(|_| MemoryError::Failed)?.len();
        sealed.drain(..NONCE);
        sealed.truncate(length);
        Ok(sealed)
    }
}
