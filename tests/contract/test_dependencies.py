"""The rules that dependencies.py applies, on crates made up for it."""

import unittest

from tests.contract.dependencies import complaints, is_allowed

REGISTRY = "https://example.org/index"
RULES = {
    "licenses": {"allow": ["MIT", "ISC"]},
    "sources": {"allow-registry": [REGISTRY]},
    "bans": {"deny": [
        {"name": "bad", "reason": "it bites"},
        {"name": "muzzled", "wrappers": ["keeper"], "reason": "it bites strangers"},
    ]},
}


def crate(name="good", licence="MIT", source=f"registry+{REGISTRY}", dependencies=()):
    return {
        "id": name, "name": name, "version": "1.0.0", "license": licence, "source": source, "dependencies": dependencies,
    }


class Licences(unittest.TestCase):
    def test_expressions(self):
        allowed = {"MIT", "ISC", "Apache-2.0 WITH LLVM-exception"}
        fit = ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND ISC", "GPL-3.0 AND GPL-2.0 OR MIT"]
        fit += ["MIT OR GPL-3.0 AND GPL-2.0", "Apache-2.0 WITH LLVM-exception"]
        unfit = ["", "GPL-3.0", "GPL-3.0 AND MIT", "(MIT OR ISC) AND GPL-3.0", "Apache-2.0", "(MIT", "MIT ISC"]
        for expression in fit:
            self.assertTrue(is_allowed(expression, allowed), expression)
        for expression in unfit:
            self.assertFalse(is_allowed(expression, allowed), expression)


class Crates(unittest.TestCase):
    def check(self, expected, *packages, members=()):
        self.assertEqual(complaints(list(packages), set(members), RULES), expected)

    def test_what_fits_is_silent(self):
        self.check([], crate())

    def test_licence(self):
        self.check(["good 1.0.0: licence GPL-3.0 is not allowed"], crate(licence="GPL-3.0"))
        self.check(["good 1.0.0: licence not declared is not allowed"], crate(licence=None))

    def test_ban_tells_why(self):
        self.check(["bad 1.0.0: banned, it bites"], crate("bad"))

    def test_ban_excepts_wrappers(self):
        keeper, stranger = (crate(name, dependencies=[{"name": "muzzled", "req": "1"}]) for name in ("keeper", "stranger"))
        self.check([], crate("muzzled"), keeper)
        self.check(["muzzled 1.0.0: banned, it bites strangers"], crate("muzzled"), keeper, stranger)

    def test_source(self):
        self.check(["good 1.0.0: comes from git+https://example.org/x"], crate(source="git+https://example.org/x"))
        self.check(["good 1.0.0: comes from outside the workspace"], crate(source=None))
        self.check([], crate(source=None), members=["good"])

    def test_loose_version_of_a_member(self):
        loose, path = {"name": "a", "req": "*"}, {"name": "b", "req": "*", "path": "crates/b"}
        member = crate(source=None, dependencies=[loose, path])
        self.check(["good 1.0.0: any version of a would do"], member, members=["good"])


if __name__ == "__main__":
    unittest.main()
