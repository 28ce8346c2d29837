"""The import rule: recipes -> {tuning, layers}; tuning and layers do not know each other."""

import ast
from pathlib import Path

import tensorflow as tf
from absl.testing import parameterized

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "layers": {"layers"},
    "tuning": {"tuning"},
    "recipes": {"recipes", "layers", "tuning"},
}
HOUSE = {"layers", "tuning", "recipes", "benchmarks", "tests"}


def imported_modules(path):
    """Full dotted names of all modules a file imports, relative ones resolved."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def files_of(package):
    return sorted((ROOT / package).rglob("*.py"))


class ArchitectureTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(*MAY_IMPORT)
    def test_packages_import_in_one_direction_only(self, package):
        self.assertNotEmpty(files_of(package))
        for path in files_of(package):
            for module in imported_modules(path):
                top = module.partition(".")[0]
                self.assertFalse(
                    top in HOUSE and top not in MAY_IMPORT[package], f"{path} imports {module}"
                )

    def test_recipes_share_only_ingredients(self):
        for path in files_of("recipes"):
            own = path.relative_to(ROOT / "recipes").parts[0].removesuffix(".py")
            for module in imported_modules(path):
                parts = module.split(".")
                if parts[0] == "recipes" and len(parts) > 1:
                    self.assertIn(parts[1], {"ingredients", own}, f"{path} imports {module}")

    @parameterized.parameters(("tensorboard", "dashboard"), ("ray", "workers"))
    def test_one_folder_alone_imports(self, library, folder):
        importing = set()
        for path in [*files_of("layers"), *files_of("tuning"), *files_of("recipes")]:
            tops = {module.partition(".")[0] for module in imported_modules(path)}
            if library in tops:
                importing.add(path.relative_to(ROOT).parent.as_posix())
        self.assertEqual(importing, {f"tuning/{folder}"})
