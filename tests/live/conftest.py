"""What the tests with a server share."""

from tests.support.aws.descriptions import descriptions_read_once

__all__ = ["descriptions_read_once"]
