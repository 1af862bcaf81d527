import doctest
import importlib
import pkgutil

import pytest

import titlebout.core

# numpy's scalars print differently from version to version; examples turn them into plain numbers.
MODULES = sorted(module.name for module in pkgutil.walk_packages(titlebout.core.__path__, "titlebout.core."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name):
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
