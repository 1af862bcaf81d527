"""What a version has learned, for people: importance, exact SHAP values, learning curves. None of it decides."""
