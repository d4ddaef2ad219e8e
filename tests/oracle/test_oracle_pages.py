"""Rules 11 and 12 and the sections of the explain page, one named small case each."""

import pytest

from tests.oracle.explain_oracle import explain
from tests.oracle.oracle_build import ACCEPT, ASSIGN, CONNECT, between, check, dump, rule
from tests.oracle.oracle_path import path_of
from tests.oracle.oracle_read import read_state

OUT: dict[str, object] = {
    "direction": "out",
    "protocol": "tcp",
    "local_address": "192.0.2.10",
    "remote_address": "203.0.113.10",
    "remote_port": 443,
    "as": "user",
}
IN: dict[str, object] = {
    "direction": "in",
    "protocol": "tcp",
    "local_address": "192.0.2.10",
    "local_port": 445,
    "remote_address": "203.0.113.10",
    "as": "user",
}
ETHERNET = 6 << 48 | 7


def block(*conditions: str, flow: dict[str, object], layer: str, **more: object) -> str:
    """Strict verdict of one conditional block at one layer."""
    state = read_state(dump(rule(1, "BLOCK", *conditions, layer=layer)))
    return str(explain(state, flow | {"layer": layer} | more)["verdict"])


def flags(match: str, bits: int) -> str:
    return check("FLAGS", match, "UINT32", bits)


def names(flow: dict[str, object]) -> list[str]:
    return [layer.removeprefix("FWPM_LAYER_") for layer, _ in path_of(flow)]


def test_rule_11_2_and_section_4_tcp_server() -> None:
    assert names(IN) == [
        "ALE_BIND_REDIRECT_V4",
        "ALE_RESOURCE_ASSIGNMENT_V4",
        "ALE_AUTH_LISTEN_V4",
        "INBOUND_IPPACKET_V4",
        "INBOUND_TRANSPORT_V4",
        "ALE_AUTH_RECV_ACCEPT_V4",
        "OUTBOUND_TRANSPORT_V4",
        "OUTBOUND_IPPACKET_V4",
        "ALE_FLOW_ESTABLISHED_V4",
        "STREAM_V4",
    ]


def test_rule_11_3_and_section_4_tcp_client() -> None:
    assert names(OUT) == [
        "ALE_BIND_REDIRECT_V4",
        "ALE_RESOURCE_ASSIGNMENT_V4",
        "ALE_CONNECT_REDIRECT_V4",
        "ALE_AUTH_CONNECT_V4",
        "OUTBOUND_TRANSPORT_V4",
        "OUTBOUND_IPPACKET_V4",
        "INBOUND_IPPACKET_V4",
        "INBOUND_TRANSPORT_V4",
        "ALE_FLOW_ESTABLISHED_V4",
        "STREAM_V4",
    ]


def test_rule_11_4_udp_has_no_listen_step_and_datagrams_come_before_the_packet() -> None:
    assert names(OUT | {"protocol": "udp"})[3:] == [
        "ALE_AUTH_CONNECT_V4",
        "ALE_FLOW_ESTABLISHED_V4",
        "DATAGRAM_DATA_V4",
        "OUTBOUND_TRANSPORT_V4",
        "OUTBOUND_IPPACKET_V4",
    ]
    assert "ALE_AUTH_LISTEN_V4" not in names(IN | {"protocol": "udp"})
    assert names(OUT | {"protocol": 47}) == names(OUT | {"protocol": "udp"})


def test_rule_11_4_icmp_errors_skip_ale() -> None:
    echo: dict[str, object] = {"direction": "in", "protocol": "icmp", "icmp_type": 8}
    assert "ALE_AUTH_RECV_ACCEPT_V4" in names(echo)
    assert names(echo | {"icmp_type": 3}) == ["INBOUND_IPPACKET_V4", "INBOUND_ICMP_ERROR_V4"]
    six = {"direction": "out", "protocol": "icmpv6", "icmp_type": 1}
    assert names(six) == ["OUTBOUND_ICMP_ERROR_V6", "OUTBOUND_IPPACKET_V6"]


def test_section_4_listen_bind_and_forward() -> None:
    assert names(IN | {"action": "listen"})[-1] == "ALE_AUTH_LISTEN_V4"
    assert names(IN | {"action": "bind"})[-1] == "ALE_RESOURCE_ASSIGNMENT_V4"
    assert names(IN | {"action": "forward"})[1] == "IPFORWARD_V4"
    assert [phase for _, phase in path_of(OUT)] == ["bind"] * 2 + ["connect"] * 2 + [
        "packet"
    ] * 4 + ["data"] * 2


def test_rule_11_1_and_11_10_a_flow_is_decided_once_per_layer() -> None:
    assert len(names(OUT)) == len(set(names(OUT)))
    late = block(flow=OUT, layer="FWPM_LAYER_ALE_FLOW_ESTABLISHED_V4")
    assert late == "block"


def test_rule_11_5_11_6_and_11_11_what_comes_later_is_no_step() -> None:
    for flow in (OUT, IN):
        assert not [name for name in names(flow) if "DISCARD" in name or "RELEASE" in name]


@pytest.mark.parametrize("layer", [CONNECT, ACCEPT])
def test_rules_11_7_and_11_8_reauthorisation_filters_wait_for_their_flag(layer: str) -> None:
    flow = OUT if layer == CONNECT else IN
    again = flags("FLAGS_ALL_SET", 4)
    assert block(again, flow=flow, layer=layer) == "permit"
    assert block(again, flow=flow, layer=layer, reauthorize=True) == "block"


def test_rules_4_1_and_11_7_reauthorisation_leaves_the_interfaces_open() -> None:
    here = check("IP_ARRIVAL_INTERFACE", "EQUAL", "UINT64", ETHERNET)
    assert block(here, flow=IN, layer=ACCEPT, interface=ETHERNET) == "block"
    assert block(here, flow=IN, layer=ACCEPT, interface=ETHERNET, reauthorize=True) == "unknown"


@pytest.mark.parametrize("layer", [CONNECT, "FWPM_LAYER_OUTBOUND_TRANSPORT_V4"])
def test_rule_11_9_and_section_1_loopback_sets_1_at_any_layer(layer: str) -> None:
    local = OUT | {"local_address": "127.0.0.1", "remote_address": "127.0.0.1"}
    assert block(flags("FLAGS_ALL_SET", 1), flow=local, layer=layer) == "block"
    assert block(flags("FLAGS_ALL_SET", 1), flow=OUT, layer=layer) == "permit"


def test_section_1_loopback_is_both_ends_own_not_only_127() -> None:
    end = (
        "<item><ipVersion>FWP_IP_VERSION_V4</ipVersion><localV4Address>192.0.2.10</localV4Address>"
        "<remoteV4Address>203.0.113.9</remoteV4Address><ipProtocol>6</ipProtocol></item>"
    )
    text = dump(rule(1, "BLOCK", flags("FLAGS_ALL_SET", 1)), endpoints=end)
    own = OUT | {"remote_address": "192.0.2.10", "layer": CONNECT}
    assert explain(read_state(text), own)["verdict"] == "block"
    other = own | {"local_address": "192.0.2.11"}
    assert explain(read_state(text), other)["verdict"] == "block"
    away = other | {"remote_address": "192.0.2.12"}
    assert explain(read_state(text), away)["verdict"] == "permit"


@pytest.mark.parametrize(
    ("bits", "flow", "expected"),
    [
        (0x800000, {"as": "user"}, "block"),
        (0x400000, {"as": "user"}, "permit"),
        (0x400000, {"as": "user", "package": "S-1-15-2-1-2-3-4-5-6-7"}, "block"),
        (0x800000, {"as": "user", "package": "S-1-15-2-1-2-3-4-5-6-7"}, "permit"),
        (0x800000, {"as": None}, "unknown"),
        (0x1000000, {"as": "user"}, "unknown"),
    ],
)
def test_section_1_loopback_at_receive_accept(
    bits: int, flow: dict[str, object], expected: str
) -> None:
    local = IN | {"local_address": "127.0.0.1", "remote_address": "127.0.0.1"} | flow
    assert block(flags("FLAGS_ALL_SET", bits), flow=local, layer=ACCEPT) == expected


def test_section_1_the_two_further_loopback_bits_are_told_for_receive_accept_only() -> None:
    local = OUT | {"local_address": "127.0.0.1", "remote_address": "127.0.0.1"}
    assert block(flags("FLAGS_ALL_SET", 0x800000), flow=local, layer=CONNECT) == "unknown"
    assert block(flags("FLAGS_ALL_SET", 0x800000), flow=OUT, layer=CONNECT) == "permit"


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        (OUT, "permit"),
        (OUT | {"wildcard_bind": False}, "block"),
        (IN, "unknown"),
        (IN | {"action": "bind", "local_address": "0.0.0.0"}, "permit"),
        (IN | {"action": "bind"}, "block"),
    ],
)
def test_section_1_wildcard_bind(flow: dict[str, object], expected: str) -> None:
    assert block(flags("FLAGS_NONE_SET", 8), flow=flow, layer=ASSIGN) == expected


def test_section_1_redirection_is_unknown_where_a_filter_may_redirect() -> None:
    proxied = rule(1, "BLOCK", flags("FLAGS_ALL_SET", 0x200000))
    hook = rule(2, "CALLOUT_UNKNOWN", layer="FWPM_LAYER_ALE_CONNECT_REDIRECT_V4", callout="x")
    one = OUT | {"layer": CONNECT}
    assert explain(read_state(dump(proxied)), one)["verdict"] == "permit"
    assert explain(read_state(dump(proxied, hook)), one)["verdict"] == "unknown"


def test_section_7_a_redirect_callout_is_named_as_overrider() -> None:
    hook = rule(2, "CALLOUT_UNKNOWN", layer="FWPM_LAYER_ALE_CONNECT_REDIRECT_V4", callout="x")
    answer = explain(read_state(dump(hook, callouts={"x": True})), OUT)
    assert (answer["verdict"], answer["policy_verdict"]) == ("unknown", "permit")
    assert [one["layer"] for one in answer["overriders"]] == ["FWPM_LAYER_ALE_CONNECT_REDIRECT_V4"]


def test_section_1_ipsec_is_not_set_and_listed() -> None:
    secured = flags("FLAGS_ALL_SET", 2)
    assert block(secured, flow=OUT, layer=CONNECT) == "permit"
    assert block(secured, flow=OUT, layer=CONNECT, ipsec=True) == "block"
    answer = explain(read_state(dump(rule(1, "BLOCK", secured))), OUT | {"layer": CONNECT})
    assert "not protected by IPsec" in answer["assumptions"]


def test_section_1_a_flag_no_row_speaks_of_is_unknown() -> None:
    assert block(flags("FLAGS_NONE_SET", 0x20), flow=OUT, layer=CONNECT) == "unknown"


def quarantined(**flow: object) -> str:
    """A hold for everything that is not loopback, and one pair, as the quarantine sublayer has."""
    pair = [
        check("INTERFACE_QUARANTINE_EPOCH", "EQUAL", "UINT64", 10000002),
        check("IP_ARRIVAL_INTERFACE", "EQUAL", "UINT64", ETHERNET),
        flags("FLAGS_NONE_SET", 1),
    ]
    hold = rule(2, "BLOCK", flags("FLAGS_NONE_SET", 1), layer=ACCEPT, weight=1)
    state = read_state(dump(rule(1, "PERMIT", *pair, layer=ACCEPT, weight=2), hold))
    return str(explain(state, IN | {"layer": ACCEPT} | flow)["verdict"])


def test_section_2_and_rule_12_3_a_pair_releases_its_interface() -> None:
    assert quarantined(interface=ETHERNET) == "permit"
    assert quarantined(interface=ETHERNET + 1) == "block"
    assert quarantined(interface=ETHERNET, quarantined=True) == "block"
    assert quarantined() == "unknown"
    assert quarantined(local_address="127.0.0.1", remote_address="127.0.0.1") == "permit"


def test_section_2_the_epoch_counts_per_layer() -> None:
    six = ACCEPT.replace("V4", "V6")
    rules = []
    for number, layer, epoch in ((1, ACCEPT, 5), (2, six, 6)):
        conditions = (
            check("INTERFACE_QUARANTINE_EPOCH", "EQUAL", "UINT64", epoch),
            check("IP_ARRIVAL_INTERFACE", "EQUAL", "UINT64", ETHERNET),
        )
        rules.append(rule(number, "BLOCK", *conditions, layer=layer))
    answer = explain(read_state(dump(*rules)), IN | {"layer": ACCEPT, "interface": ETHERNET})
    assert answer["verdict"] == "block"


@pytest.mark.parametrize(
    ("action", "registered", "expected"),
    [
        ("CALLOUT_TERMINATING", True, ("unknown", "permit")),
        ("CALLOUT_UNKNOWN", True, ("unknown", "permit")),
        ("CALLOUT_INSPECTION", True, ("permit", "permit")),
        ("CALLOUT_TERMINATING", False, ("block", "block")),
    ],
)
def test_section_3_strict_and_policy(
    action: str, *, registered: bool, expected: tuple[str, str]
) -> None:
    rules = rule(1, action, callout="x"), rule(2, "PERMIT", sublayer="B")
    answer = explain(read_state(dump(*rules, callouts={"x": registered})), OUT | {"layer": CONNECT})
    assert (answer["verdict"], answer["policy_verdict"]) == expected
    assert len(answer["overriders"]) == (expected[0] == "unknown")


def test_section_3_a_silent_drop_is_modelled_as_a_block() -> None:
    key = "FWPM_CALLOUT_WFP_TRANSPORT_LAYER_V4_SILENT_DROP"
    layer = "FWPM_LAYER_INBOUND_TRANSPORT_V4_DISCARD"
    state = read_state(
        dump(rule(1, "CALLOUT_TERMINATING", callout=key, layer=layer), callouts={key: True})
    )
    assert explain(state, IN | {"layer": layer})["policy_verdict"] == "block"


def test_section_4_data_layers_can_end_what_connected() -> None:
    assert (
        explain(read_state(dump(rule(1, "BLOCK", layer="FWPM_LAYER_STREAM_V4"))), OUT)["verdict"]
        == "block"
    )


def test_section_6_profiles_stand_apart() -> None:
    public = check("ORIGINAL_PROFILE_ID", "EQUAL", "UINT32", 1)
    assert block(public, flow=OUT, layer=CONNECT, profile="public") == "block"
    assert block(public, flow=OUT, layer=CONNECT, profile="private") == "permit"
    assert block(public, flow=OUT, layer=CONNECT, current_profile="public") == "unknown"
    assert block(public, flow=OUT, layer=CONNECT, profile="private", original_profile=1) == "block"


@pytest.mark.parametrize(
    ("name", "number"), [("none", 0), ("public", 1), ("private", 2), ("domain", 3)]
)
def test_rule_12_8_profile_numbers(name: str, number: int) -> None:
    condition = check("CURRENT_PROFILE_ID", "EQUAL", "UINT32", number)
    assert block(condition, flow=OUT, layer=CONNECT, profile=name) == "block"


def test_section_6_interface_type_and_tunnel_type_follow_from_the_luid() -> None:
    wired = check("ARRIVAL_INTERFACE_TYPE", "EQUAL", "UINT32", 6)
    plain = check("ARRIVAL_TUNNEL_TYPE", "EQUAL", "UINT32", 0)
    assert block(wired, plain, flow=IN, layer=ACCEPT, interface=ETHERNET) == "block"
    assert block(plain, flow=IN, layer=ACCEPT, interface=131 << 48) == "unknown"
    assert block(plain, flow=IN, layer=ACCEPT, tunnel_type=14) == "permit"
    assert block(plain, flow=IN, layer=ACCEPT) == "unknown"


def test_section_6_the_system_port_is_unknown_unless_given() -> None:
    rpc = check("ALE_SIO_FIREWALL_SYSTEM_PORT", "FLAGS_ALL_SET", "UINT32", 1)
    assert block(rpc, flow=IN, layer=ACCEPT) == "unknown"
    given = {"ALE_SIO_FIREWALL_SYSTEM_PORT": 1}
    assert block(rpc, flow=IN, layer=ACCEPT, fields=given) == "block"


def test_section_6_remote_users_exist_under_ipsec_only() -> None:
    remote = check("ALE_REMOTE_USER_ID", "EQUAL", "SECURITY_DESCRIPTOR_TYPE", "D:(A;;CC;;;WD)")
    assert block(remote, flow=IN, layer=ACCEPT) == "permit"
    assert block(remote, flow=IN, layer=ACCEPT, ipsec=True) == "unknown"


@pytest.mark.parametrize(
    ("address", "number"), [("192.0.2.1", 1), ("224.0.0.251", 3), ("255.255.255.255", 4)]
)
def test_section_6_address_types(address: str, number: int) -> None:
    condition = check("IP_LOCAL_ADDRESS_TYPE", "EQUAL", "UINT8", number)
    assert block(condition, flow=OUT, layer=CONNECT, local_address=address) == "block"


def test_section_6_icmp_type_and_code_stand_in_the_port_fields() -> None:
    ping = {"direction": "in", "protocol": "icmp", "icmp_type": 8, "icmp_code": 0, "as": "user"}
    conditions = [
        check("IP_LOCAL_PORT", "EQUAL", "UINT16", 8),
        check("IP_REMOTE_PORT", "EQUAL", "UINT16", 0),
        check("ORIGINAL_ICMP_TYPE", "EQUAL", "UINT16", 8),
    ]
    assert block(*conditions, flow=ping, layer=ACCEPT) == "block"


def test_a_chosen_port_is_not_one_whose_bind_is_refused() -> None:
    busy = between("IP_LOCAL_PORT", "UINT16", 62005, 63980)
    assert block(busy, flow=OUT, layer=ASSIGN) == "permit"
    assert block(busy, flow=OUT, layer=ASSIGN, local_port=62010) == "block"
    assert block(busy, flow=IN | {"local_port": None}, layer=ASSIGN) == "unknown"
    assert block(busy, flow=OUT, layer=CONNECT) == "unknown"


def test_rules_12_1_12_2_and_12_4_a_service_or_package_block_needs_its_token() -> None:
    box = check("ALE_PACKAGE_ID", "NOT_EQUAL", "SID", "S-1-0-0")
    dhcp = "S-1-5-80-2940520708-3855866260-481812779-327648279-1710889582"
    service = check("ALE_USER_ID", "EQUAL", "SECURITY_DESCRIPTOR_TYPE", f"D:(A;NP;CC;;;{dhcp})")
    assert block(box, flow=OUT, layer=CONNECT) == "permit"
    assert block(box, flow=OUT, layer=CONNECT, package="S-1-15-2-1-2-3-4-5-6-7") == "block"
    assert block(service, flow=OUT, layer=CONNECT) == "permit"
    assert block(service, flow=OUT, layer=CONNECT, **{"as": "service:Dhcp"}) == "block"
    assert block(service, flow=OUT, layer=CONNECT, **{"as": "system"}) == "unknown"


def test_rule_12_5_the_inbound_default_blocks_what_no_rule_permits() -> None:
    port = check("IP_LOCAL_PORT", "EQUAL", "UINT16", 445)
    rules = (
        rule(1, "PERMIT", port, layer=ACCEPT, weight=9),
        rule(2, "BLOCK", layer=ACCEPT, weight=3),
    )
    state = read_state(dump(*rules))
    assert explain(state, IN)["deciding"] == {"layer": ACCEPT, "filter_id": 1}
    assert explain(state, IN | {"local_port": 446})["deciding"] == {"layer": ACCEPT, "filter_id": 2}


def test_rules_12_6_and_12_7_origins_are_read_but_decide_nothing() -> None:
    text = dump(rule(1, "BLOCK")).replace(
        "<providers>",
        "<providerContexts><item><providerContextKey>k</providerContextKey><dataBuffer><data>"
        f"{'Stealth'.encode('utf-16-le').hex()}0000</data></dataBuffer></item></providerContexts><providers>",
    )
    state = read_state(text)
    assert (state.origins, explain(state, OUT)["verdict"]) == ({"k": "Stealth"}, "block")


def test_rule_13_the_whole_path_is_a_block_before_it_is_unknown() -> None:
    maybe = check("COMPARTMENT_ID", "EQUAL", "UINT32", 1)
    rules = rule(1, "BLOCK", maybe), rule(2, "BLOCK", layer="FWPM_LAYER_STREAM_V4")
    assert explain(read_state(dump(*rules)), OUT)["verdict"] == "block"
    assert explain(read_state(dump(rules[0])), OUT)["verdict"] == "unknown"
