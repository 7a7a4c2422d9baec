//! The bundled offline model.

mod brain;

mod layering;
