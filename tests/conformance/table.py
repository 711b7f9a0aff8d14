"""Every normative statement of MQTT 3.1.1 (appendix B of the standard), and the test that shows what the broker does.

`instead` is there where the broker does something else than the statement says, on purpose: because it does not offer
what the statement is about, or because it is another party's duty. Both are shown by the test as well.
"""

from typing import NamedTuple


class Statement(NamedTuple):
    """One statement, in our words."""

    says: str
    #: Module and function in this directory.
    shown_by: str
    instead: str = ""


_CLIENTS = "a duty of the device; "
_QOS2 = "QoS 2 is not served: the connection is closed"
_RETAIN = "nothing is retained: the flag is read over, and nobody is sent what a device publishes"
_WILL = "wills are read over: a device that is lost is seen from its connection"
_DOWN = "all goes down at QoS 0; the gateway's own store repeats an order until the device reports"
_WEBSOCKET = "there are no WebSockets"

TABLE = {
    # 1.5 Texts
    "1.5.3-1": Statement("ill-formed UTF-8 closes", "test_format.test_ill_formed_text_closes"),
    "1.5.3-2": Statement("a text with U+0000 closes", "test_format.test_nul_in_a_text_closes"),
    "1.5.3-3": Statement("U+FEFF is not stripped", "test_format.test_a_byte_order_mark_is_a_character"),
    # 2 Packets
    "2.2.2-1": Statement("reserved flags are as listed", "test_format.test_reserved_flags_close"),
    "2.2.2-2": Statement("other flags close", "test_format.test_reserved_flags_close"),
    "2.3.1-1": Statement("packet identifiers are not 0", "test_format.test_packet_identifiers_are_not_zero"),
    "2.3.1-2": Statement(
        "a new packet has an identifier that is not in use",
        "test_format.test_a_packet_identifier_in_use_is_answered_again",
        _CLIENTS + "one that uses it twice is answered twice",
    ),
    "2.3.1-3": Statement(
        "a repeat has the identifier of the first",
        "test_session.test_a_device_sends_again_after_it_came_again",
        _CLIENTS + "the repeat is answered under its own",
    ),
    "2.3.1-4": Statement(
        "a server chooses identifiers likewise", "test_subscribe.test_qos_0_is_granted", _DOWN
    ),
    "2.3.1-5": Statement(
        "QoS 0 has no identifier", "test_format.test_a_publish_of_qos_0_has_no_packet_identifier"
    ),
    "2.3.1-6": Statement(
        "PUBACK has the PUBLISH's identifier", "test_format.test_answers_carry_the_identifier_of_the_question"
    ),
    "2.3.1-7": Statement(
        "SUBACK and UNSUBACK have their question's identifier",
        "test_format.test_answers_carry_the_identifier_of_the_question",
    ),
    # 3.1 CONNECT
    "3.1.0-1": Statement("CONNECT comes first", "test_connect.test_connect_comes_first"),
    "3.1.0-2": Statement("a second CONNECT closes", "test_connect.test_connect_comes_once"),
    "3.1.2-1": Statement("another protocol name may close", "test_connect.test_another_protocol_name_closes"),
    "3.1.2-2": Statement(
        "another protocol level gets CONNACK 1 and the end",
        "test_connect.test_another_protocol_level_is_told",
    ),
    "3.1.2-3": Statement("the reserved flag is 0", "test_connect.test_the_reserved_connect_flag_closes"),
    "3.1.2-4": Statement(
        "clean session 0 resumes the session and keeps it", "test_session.test_a_kept_session_is_resumed"
    ),
    "3.1.2-5": Statement(
        "messages of QoS 1 and 2 are stored for a session while its device is away",
        "test_session.test_while_a_device_is_away_nothing_is_queued_for_it",
        _DOWN,
    ),
    "3.1.2-6": Statement(
        "clean session 1 begins anew and leaves nothing", "test_session.test_a_clean_session_is_never_present"
    ),
    "3.1.2-7": Statement(
        "retained messages outlive a session",
        "test_not_offered.test_a_retained_publish_is_a_publish",
        _RETAIN,
    ),
    "3.1.2-8": Statement(
        "a will is published when its connection is lost", "test_not_offered.test_a_will_is_nobodys", _WILL
    ),
    "3.1.2-9": Statement(
        "will flag 1: topic and message are there",
        "test_connect.test_fields_are_there_when_their_flags_say_so",
    ),
    "3.1.2-10": Statement(
        "a will is removed after it was published, and at DISCONNECT",
        "test_not_offered.test_a_will_is_not_published_after_disconnect",
        _WILL,
    ),
    "3.1.2-11": Statement(
        "will flag 0: no will fields", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.2-12": Statement(
        "will flag 0: nothing is published", "test_not_offered.test_without_a_will_nothing_is_published"
    ),
    "3.1.2-13": Statement("will flag 0: will QoS 0", "test_connect.test_will_bits_without_a_will_close"),
    "3.1.2-14": Statement("no will has QoS 3", "test_connect.test_a_will_of_qos_3_closes"),
    "3.1.2-15": Statement("will flag 0: will retain 0", "test_connect.test_will_bits_without_a_will_close"),
    "3.1.2-16": Statement(
        "a will without retain is not retained", "test_not_offered.test_a_will_is_nobodys", _WILL
    ),
    "3.1.2-17": Statement("a will with retain is", "test_not_offered.test_a_will_is_nobodys", _WILL),
    "3.1.2-18": Statement(
        "user name flag 0: there is none", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.2-19": Statement(
        "user name flag 1: there is one", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.2-20": Statement(
        "password flag 0: there is none", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.2-21": Statement(
        "password flag 1: there is one", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.2-22": Statement(
        "no password without a user name", "test_connect.test_a_password_needs_a_user_name"
    ),
    "3.1.2-23": Statement(
        "a packet is sent within the keep-alive",
        "test_connect.test_pings_keep_alive",
        _CLIENTS + "one that pings in time stays",
    ),
    "3.1.2-24": Statement(
        "silence of one and a half keep-alives ends the connection",
        "test_connect.test_keep_alive_is_one_and_a_half_times",
    ),
    "3.1.3-1": Statement("the fields have an order", "test_connect.test_fields_come_in_their_order"),
    "3.1.3-2": Statement(
        "the client id names the session's state",
        "test_connect.test_client_ids_name_nobody",
        "the login names it: by its client id a device could reach the session of another",
    ),
    "3.1.3-3": Statement(
        "the client id is there and first", "test_connect.test_fields_are_there_when_their_flags_say_so"
    ),
    "3.1.3-4": Statement("the client id is UTF-8", "test_format.test_ill_formed_text_closes"),
    "3.1.3-5": Statement(
        "1 to 23 letters and digits are allowed", "test_connect.test_plain_client_ids_are_allowed"
    ),
    "3.1.3-6": Statement(
        "without a client id a device is told apart all the same",
        "test_connect.test_no_client_id_is_allowed_with_a_clean_session",
    ),
    "3.1.3-7": Statement(
        "without a client id, clean session is 1",
        "test_connect.test_no_client_id_is_refused_without_a_clean_session",
        _CLIENTS + "one that does otherwise is refused",
    ),
    "3.1.3-8": Statement(
        "without a client id and clean session 0: CONNACK 2 and the end",
        "test_connect.test_no_client_id_is_refused_without_a_clean_session",
    ),
    "3.1.3-9": Statement(
        "a refused client id: CONNACK 2 and the end", "test_connect.test_a_refused_client_id_is_told"
    ),
    "3.1.3-10": Statement("the will's topic is UTF-8", "test_format.test_ill_formed_text_closes"),
    "3.1.3-11": Statement("the user name is UTF-8", "test_format.test_ill_formed_text_closes"),
    "3.1.4-1": Statement(
        "a malformed CONNECT closes without CONNACK", "test_connect.test_a_malformed_connect_has_no_answer"
    ),
    "3.1.4-2": Statement(
        "an older connection of the same client is closed",
        "test_connect.test_the_newer_connection_of_a_device_stays",
        "of the same device, whatever its client id",
    ),
    "3.1.4-3": Statement(
        "clean session is honoured, also at a takeover", "test_session.test_a_takeover_resumes_the_session"
    ),
    "3.1.4-4": Statement(
        "an accepted CONNECT gets CONNACK 0", "test_connect.test_an_accepted_connect_is_acknowledged"
    ),
    "3.1.4-5": Statement(
        "nothing after a refused CONNECT is processed",
        "test_connect.test_nothing_after_a_refused_connect_is_read",
    ),
    # 3.2 CONNACK
    "3.2.0-1": Statement("CONNACK is the first answer", "test_connect.test_connack_is_the_first_answer"),
    "3.2.2-1": Statement(
        "clean session 1: session present 0", "test_session.test_a_clean_session_is_never_present"
    ),
    "3.2.2-2": Statement(
        "clean session 0 and a kept session: session present 1",
        "test_session.test_a_session_without_subscriptions_is_present_too",
    ),
    "3.2.2-3": Statement(
        "clean session 0 and none: session present 0",
        "test_session.test_without_a_kept_session_none_is_present",
    ),
    "3.2.2-4": Statement(
        "a refusal has session present 0", "test_connect.test_nothing_after_a_refused_connect_is_read"
    ),
    "3.2.2-5": Statement(
        "a refusal is followed by the end", "test_connect.test_nothing_after_a_refused_connect_is_read"
    ),
    "3.2.2-6": Statement(
        "without a code that fits, the end comes without CONNACK",
        "test_connect.test_who_has_no_code_is_closed_without_one",
    ),
    # 3.3 PUBLISH
    "3.3.1-1": Statement(
        "a repeat has DUP",
        "test_publish.test_dup_is_taken",
        _CLIENTS + "a repeat is another publish, and the gateway knows a report that it has",
    ),
    "3.3.1-2": Statement("QoS 0 has no DUP", "test_publish.test_dup_at_qos_0_closes"),
    "3.3.1-3": Statement("DUP is not passed on", "test_publish.test_dup_is_never_passed_on"),
    "3.3.1-4": Statement("QoS 3 closes", "test_publish.test_qos_3_closes"),
    "3.3.1-5": Statement(
        "a retained message is stored", "test_not_offered.test_a_retained_publish_is_a_publish", _RETAIN
    ),
    "3.3.1-6": Statement(
        "a new subscription is sent what is retained",
        "test_not_offered.test_an_order_is_sent_once_and_not_retained",
        "orders are not replayed by the broker: the gateway tells what is still open",
    ),
    "3.3.1-7": Statement(
        "a retained message of QoS 0 takes the place of the last",
        "test_not_offered.test_a_retained_publish_is_a_publish",
        _RETAIN,
    ),
    "3.3.1-8": Statement(
        "what was retained is sent with RETAIN 1",
        "test_not_offered.test_an_order_is_sent_once_and_not_retained",
        _RETAIN,
    ),
    "3.3.1-9": Statement(
        "what is sent for a subscription has RETAIN 0",
        "test_not_offered.test_an_order_is_sent_once_and_not_retained",
    ),
    "3.3.1-10": Statement(
        "an empty retained message deletes",
        "test_not_offered.test_an_empty_retained_publish_deletes_nothing",
        _RETAIN,
    ),
    "3.3.1-11": Statement(
        "an empty message is not retained", "test_not_offered.test_an_empty_retained_publish_deletes_nothing"
    ),
    "3.3.1-12": Statement(
        "without RETAIN nothing is stored", "test_not_offered.test_what_a_device_publishes_goes_to_no_device"
    ),
    "3.3.2-1": Statement("the topic comes first", "test_publish.test_a_topic_comes_first"),
    "3.3.2-2": Statement("a topic has no wildcards", "test_publish.test_wildcards_in_a_topic_close"),
    "3.3.2-3": Statement(
        "what is sent matches a subscription", "test_subscribe.test_only_what_matches_comes"
    ),
    "3.3.4-1": Statement(
        "a PUBLISH is answered as its QoS asks", "test_publish.test_qos_0_is_taken_and_not_answered"
    ),
    "3.3.5-1": Statement(
        "overlapping subscriptions are sent a message at the highest QoS",
        "test_subscribe.test_overlapping_filters_hear_once",
    ),
    "3.3.5-2": Statement(
        "a PUBLISH that is not allowed is acknowledged, or closes",
        "test_publish.test_a_publish_that_is_not_allowed_is_acknowledged",
    ),
    "3.6.1-1": Statement("PUBREL has its flags", "test_not_offered.test_the_packets_of_qos_2_close", _QOS2),
    # 3.8 to 3.11 SUBSCRIBE and UNSUBSCRIBE
    "3.8.1-1": Statement("SUBSCRIBE has its flags", "test_format.test_reserved_flags_close"),
    "3.8.3-1": Statement("filters are UTF-8", "test_format.test_ill_formed_text_closes"),
    "3.8.3-2": Statement("wildcards should be supported", "test_subscribe.test_filters_match_by_level"),
    "3.8.3-3": Statement("a SUBSCRIBE has a filter", "test_subscribe.test_subscribe_needs_a_filter"),
    "3.8.3-4": Statement(
        "a requested QoS is 0, 1 or 2", "test_subscribe.test_another_qos_than_0_1_and_2_closes"
    ),
    "3.8.4-1": Statement(
        "a SUBSCRIBE gets a SUBACK", "test_subscribe.test_every_filter_has_its_code_in_its_place"
    ),
    "3.8.4-2": Statement("with its identifier", "test_subscribe.test_every_filter_has_its_code_in_its_place"),
    "3.8.4-3": Statement(
        "the same filter replaces itself", "test_subscribe.test_a_filter_again_takes_the_place_of_itself"
    ),
    "3.8.4-4": Statement(
        "many filters get one SUBACK", "test_subscribe.test_every_filter_has_its_code_in_its_place"
    ),
    "3.8.4-5": Statement(
        "with a code for each", "test_subscribe.test_every_filter_has_its_code_in_its_place"
    ),
    "3.8.4-6": Statement("a lower QoS may be granted, and is kept", "test_subscribe.test_qos_0_is_granted"),
    "3.9.3-1": Statement(
        "the codes have the filters' order", "test_subscribe.test_every_filter_has_its_code_in_its_place"
    ),
    "3.9.3-2": Statement(
        "the codes are 0, 1, 2 and 0x80", "test_subscribe.test_every_filter_has_its_code_in_its_place"
    ),
    "3.10.1-1": Statement("UNSUBSCRIBE has its flags", "test_format.test_reserved_flags_close"),
    "3.10.3-1": Statement("its filters are UTF-8", "test_format.test_ill_formed_text_closes"),
    "3.10.3-2": Statement("it has a filter", "test_subscribe.test_unsubscribe_needs_a_filter"),
    "3.10.4-1": Statement(
        "filters are compared letter by letter", "test_subscribe.test_unsubscribe_compares_letter_by_letter"
    ),
    "3.10.4-2": Statement(
        "an ended subscription gets nothing new", "test_subscribe.test_unsubscribe_ends_a_subscription"
    ),
    "3.10.4-3": Statement(
        "what was begun at QoS 1 or 2 is completed",
        "test_subscribe.test_unsubscribe_ends_a_subscription",
        _DOWN,
    ),
    "3.10.4-4": Statement(
        "UNSUBACK has the identifier", "test_format.test_answers_carry_the_identifier_of_the_question"
    ),
    "3.10.4-5": Statement(
        "also where nothing was subscribed", "test_subscribe.test_unsubscribe_is_always_answered"
    ),
    "3.10.4-6": Statement(
        "many filters get one UNSUBACK", "test_subscribe.test_unsubscribe_takes_many_at_once"
    ),
    # 3.12 to 3.14 PINGREQ and DISCONNECT
    "3.12.4-1": Statement("PINGREQ gets PINGRESP", "test_session.test_pingreq_is_answered"),
    "3.14.1-1": Statement(
        "DISCONNECT has its flags", "test_session.test_disconnect_with_more_than_it_has_closes"
    ),
    "3.14.4-1": Statement(
        "after DISCONNECT the device closes",
        "test_session.test_disconnect_ends_the_connection",
        _CLIENTS + "the broker closes itself",
    ),
    "3.14.4-2": Statement(
        "after DISCONNECT the device sends nothing",
        "test_session.test_nothing_after_disconnect_is_read",
        _CLIENTS + "what it sends is not read",
    ),
    "3.14.4-3": Statement(
        "DISCONNECT discards the will", "test_not_offered.test_a_will_is_not_published_after_disconnect"
    ),
    # 4 Operation
    "4.1.0-1": Statement(
        "session state is stored for the whole session",
        "test_session.test_what_was_unsubscribed_is_not_resumed",
    ),
    "4.1.0-2": Statement(
        "a session lasts as long as its connection",
        "test_session.test_a_session_lasts_as_long_as_its_connection",
    ),
    "4.2.0-1": Statement("the transport is a stream", "test_format.test_packets_know_no_segments"),
    "4.3.1-1": Statement(
        "QoS 0 is sent with QoS 0 and DUP 0", "test_format.test_a_publish_of_qos_0_has_no_packet_identifier"
    ),
    "4.3.2-1": Statement(
        "QoS 1 is kept by its sender until PUBACK",
        "test_session.test_nothing_is_sent_again_to_a_device",
        _DOWN,
    ),
    "4.3.2-2": Statement(
        "QoS 1 is acknowledged when it is taken; then its identifier is new",
        "test_publish.test_after_puback_an_identifier_is_new",
    ),
    "4.3.3-1": Statement(
        "the sender's side of QoS 2", "test_not_offered.test_the_packets_of_qos_2_close", _QOS2
    ),
    "4.3.3-2": Statement("the receiver's side of QoS 2", "test_not_offered.test_qos_2_closes", _QOS2),
    "4.4.0-1": Statement(
        "what was not acknowledged is sent again after a reconnect",
        "test_session.test_nothing_is_sent_again_to_a_device",
        _DOWN,
    ),
    "4.5.0-1": Statement(
        "a message that was taken goes to every matching session",
        "test_not_offered.test_what_a_device_publishes_goes_to_no_device",
        "the gateway is the only subscriber of what devices publish",
    ),
    "4.5.0-2": Statement(
        "a client acknowledges what it gets",
        "test_session.test_nothing_is_sent_again_to_a_device",
        _CLIENTS + "nothing of ours asks for it, and what comes is ignored",
    ),
    "4.6.0-1": Statement(
        "repeats keep their order",
        "test_session.test_a_device_sends_again_after_it_came_again",
        _CLIENTS + "they are taken in the order in which they come",
    ),
    "4.6.0-2": Statement(
        "PUBACKs have the order of the publishes",
        "test_publish.test_pubacks_come_in_the_order_of_the_publishes",
    ),
    "4.6.0-3": Statement("PUBRECs likewise", "test_not_offered.test_qos_2_closes", _QOS2),
    "4.6.0-4": Statement("PUBRELs likewise", "test_not_offered.test_the_packets_of_qos_2_close", _QOS2),
    "4.6.0-5": Statement("every topic is an ordered one", "test_publish.test_a_topic_keeps_its_order"),
    "4.6.0-6": Statement(
        "an ordered topic is passed on in its order", "test_publish.test_a_topic_keeps_its_order"
    ),
    "4.7.1-1": Statement("no wildcards in a topic", "test_publish.test_wildcards_in_a_topic_close"),
    "4.7.1-2": Statement("# is the last level, alone", "test_subscribe.test_a_filter_that_is_none_closes"),
    "4.7.1-3": Statement("+ is a whole level", "test_subscribe.test_a_filter_that_is_none_closes"),
    "4.7.2-1": Statement(
        "a leading wildcard matches no $ topic",
        "test_subscribe.test_a_leading_wildcard_hears_no_dollar_topic",
    ),
    "4.7.3-1": Statement("a topic has a character", "test_publish.test_a_topic_without_a_character_closes"),
    "4.7.3-2": Statement("a topic has no NUL", "test_format.test_nul_in_a_text_closes"),
    "4.7.3-3": Statement(
        "a topic has 65,535 bytes at the most",
        "test_publish.test_a_topic_of_the_greatest_length_is_taken",
    ),
    "4.7.3-4": Statement("topics are not normalised", "test_publish.test_topics_are_compared_as_they_are"),
    "4.8.0-1": Statement("a protocol violation closes", "test_publish.test_packets_for_clients_close"),
    "4.8.0-2": Statement(
        "an error that passes closes as well", "test_publish.test_a_publish_that_cannot_be_kept_closes"
    ),
    # 6 WebSockets
    "6.0.0-1": Statement(
        "MQTT is in binary frames", "test_not_offered.test_websockets_are_no_mqtt", _WEBSOCKET
    ),
    "6.0.0-2": Statement(
        "packets are not aligned to frames", "test_not_offered.test_websockets_are_no_mqtt", _WEBSOCKET
    ),
    "6.0.0-3": Statement(
        "the client offers the subprotocol mqtt", "test_not_offered.test_websockets_are_no_mqtt", _WEBSOCKET
    ),
    "6.0.0-4": Statement("the server chooses it", "test_not_offered.test_websockets_are_no_mqtt", _WEBSOCKET),
}
"""By the number that follows `MQTT-`. 7.0.0-1 and 7.0.0-2 ask for all of the others."""

BESIDES = {
    "test_connect.test_any_keep_alive_is_accepted": "§3.1.2.10: none, and 18 hours",
    "test_connect.test_a_stranger_is_not_talked_to": "§3.1: the device speaks first",
    "test_connect.test_mqtt_5_and_3_1_are_told": "§3.1.2.2: as these protocols really begin",
    "test_format.test_a_length_may_be_written_long": "§2.2.3: one to four bytes",
    "test_publish.test_qos_1_is_answered_when_it_is_safe": "§4.3.2: what taking ownership means here",
    "test_publish.test_topics_that_begin_with_a_dollar_are_taken": "§4.7.2: topics that begin with $",
}
"""Tests of what the standard says without a number."""
