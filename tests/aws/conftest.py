"""What the tests of AWS share."""

from tests.support.aws.descriptions import descriptions_read_once

__all__ = ["descriptions_read_once"]
