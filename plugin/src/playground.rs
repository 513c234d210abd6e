//! The place of the verb `playground`: a cluster in this process, and a canary that rolls on it.
//! What it shows comes from [`view`](crate::view).
