"""Explanations of a version for people: importance, exact SHAP values, learning curves. None of it decides."""
