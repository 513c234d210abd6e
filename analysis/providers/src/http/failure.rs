//! What is said when a call fails: what happened, and what helps.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::HttpError;
use super::egress::Refused;

/// Makes an error of reqwest into ours. `call` is what was asked, for the message.
pub(super) fn of(call: &str, error: &reqwest::Error) -> HttpError {
    let causes = Causes(Some(error));
    if let Some(refused) = causes.clone().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return HttpError::Forbidden(format!("{call}: {refused}"));
    }
    let tls = causes.clone().find_map(|cause| cause.downcast_ref());
    if let Some(tls) = tls {
        return HttpError::Connect(format!("{call}: {}", tls_words(tls)));
    }
    // The innermost cause says what happened; the outer ones repeat the URL.
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    if error.is_connect() {
        return HttpError::Connect(format!("{call}: cannot connect: {last}"));
    }
    HttpError::Body(format!("{call}: the answer breaks off or is not HTTP: {last}"))
}

fn tls_words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(reason) = error else {
        return format!("TLS fails: {error}");
    };
    match reason {
        CertificateError::UnknownIssuer => "certificate signed by an unknown authority: add its CA \
                                            with --analysis-ca-file, or set insecure: true"
            .to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for another name: use the name that it is for, or set insecure: true"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired: renew it, or set insecure: true".to_owned()
        }
        reason => format!("the certificate is refused ({reason}): mend it, or set insecure: true"),
    }
}

/// An error and what caused it, from the outside in.
#[derive(Clone)]
struct Causes<'a>(Option<&'a (dyn Error + 'static)>);

impl<'a> Iterator for Causes<'a> {
    type Item = &'a (dyn Error + 'static);

    fn next(&mut self) -> Option<Self::Item> {
        let this = self.0.take()?;
        // An error of I/O that wraps another one does not name it as its source.
        let wrapped = this.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        self.0 = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => this.source(),
        };
        Some(this)
    }
}
