//! Laws of the trait (see the module name).
