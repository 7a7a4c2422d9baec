//! The bundled offline model.

mod brain;
