from titlebout.core.fingerprints import fingerprint_of


def test_a_fingerprint_stays_what_ledgers_hold_and_depends_on_the_order_of_its_parts():
    assert fingerprint_of("v1", "2024-01-02", "temperature") == "c578cbffbab7"
    assert fingerprint_of("2024-01-02", "v1", "temperature") != "c578cbffbab7"
