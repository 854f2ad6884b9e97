//! What the server asks its program for, without knowing how it is found out.

use std::{fmt, pin::Pin, sync::Arc};

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Something that the server asks its program for at each request.
pub struct Ask<T>(Arc<dyn Fn() -> Answer<T> + Send + Sync>);

impl<T> Ask<T> {
    /// Asks by running `ask`.
    pub fn new<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(ask())))
    }

    pub(super) async fn answer(&self) -> T {
        (self.0)().await
    }
}

impl<T> Clone for Ask<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Ask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ask").finish()
    }
}
