//! The key pair that signs and checks service account tokens.

use std::path::Path;

use pem::Pem;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::Error;

/// What precedes the point in a DER SubjectPublicKeyInfo of a P-256 key (RFC 5480): the sequence,
/// the object identifiers of "EC public key" and "P-256", and the header of the bit string.
const P256_PUBLIC_KEY_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Writes a fresh pair, as PEM: PKCS #8 to `private`, and the public half to a file of its own,
/// since Kubernetes does not read public keys out of elliptic PKCS #8 files.
pub(crate) fn write(private: &Path, public: &Path) -> Result<(), Error> {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| Error::NoRandomness)?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .map_err(|_| Error::NoRandomness)?;
    let mut public_der = P256_PUBLIC_KEY_PREFIX.to_vec();
    public_der.extend_from_slice(pair.public_key().as_ref());
    for (path, label, der) in
        [(private, "PRIVATE KEY", pkcs8.as_ref().to_vec()), (public, "PUBLIC KEY", public_der)]
    {
        let text = pem::encode(&Pem::new(label, der));
        std::fs::write(path, text).map_err(Error::io("write", path))?;
    }
    Ok(())
}
