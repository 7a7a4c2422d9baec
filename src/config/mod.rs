//! Settings: from the environment to one checked value per room.
