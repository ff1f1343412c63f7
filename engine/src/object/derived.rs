//! A place on a compiled object for what another room derives from it: made once, gone with the object.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Holds one value of a type that is the other room's business.
#[derive(Default)]
pub struct Derived(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Derived {
    /// What was derived, made now where nobody asked before. Whoever comes with another type than the first gets their
    /// own, which is not kept.
    pub fn get<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let kept = self.0.get_or_init(|| Arc::new(make())).clone();
        kept.downcast().unwrap_or_else(|_| Arc::new(make()))
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Derived").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn it_is_made_once_for_the_type_that_came_first() {
        let (derived, made) = (Derived::default(), Cell::new(0));
        let number = || {
            made.set(made.get() + 1);
            7_u32
        };
        assert_eq!((*derived.get(number), *derived.get(number), made.get()), (7, 7, 1));
        assert_eq!(*derived.get(|| "another".to_owned()), "another");
        assert_eq!((*derived.get(number), made.get()), (7, 1));
    }
}
