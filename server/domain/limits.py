"""Every bound Tap enforces: a name with its unit, and the reason for the number.

``docs/limits.md`` is checked against this module: an undocumented limit is a failing test.
"""

# -- what people write ---------------------------------------------------------------------------
POST_TEXT_CHARS_MAX = 40_000
"""A long article is about 25,000 characters; the longest post of the two test archives is 11,608."""
TITLE_CHARS_MAX = 200
"""Two lines on a phone."""
NAME_CHARS_MAX = 120
"""People and communities; the longest real names observed in directories are below 100."""
ABOUT_CHARS_MAX = 2_000
"""A profile or a community's purpose fits on one screen."""
ABSTRACT_CHARS_MAX = 5_000
"""Journals ask for 250 words, which is below 2,000 characters; a long one of a thesis fits."""
LINK_CHARS_MAX = 2_000
"""What common browsers and proxies accept as an address."""
TOPICS_PER_POST_MAX = 8
"""Beyond a handful topics stop telling anything (Stack Exchange allows five)."""
TOPIC_CHARS_MAX = 48
MENTIONS_PER_POST_MAX = 50
"""Each mention is a notification; more is a mailing list, which communities are for."""
CITES_PER_POST_MAX = 20
CASE_PARTIES_MAX = 15
"""Larger circles than that are departments, which no case is opened about."""
CASE_FLOWS_MAX = CASE_PARTIES_MAX * (CASE_PARTIES_MAX - 1)
"""Each party to each other."""
DISPUTES_OPEN_MAX = 10
"""Of one person at a time: each is read by somebody, and ten are an afternoon."""
PRAISE_PER_WEEK_MAX = 3
"""Praise that costs nothing says nothing; a week begins on Monday at 00:00 UTC, what is not given lapses."""
CHOICES_PER_POLL_MAX = 30
"""Ranked ballots stay readable and the pairwise matrix below 900 cells."""
CHOICE_CHARS_MAX = 200
POLL_GRACE_SECONDS = 86_400
"""How long a closed poll waits for regions that are cut off: links are built to be away for a day."""
SECRET_VOTERS_MIN = 5
"""Secret ballots are shown only added up over so many people: of fewer a guess is too often right."""
COHORT_PEOPLE_MIN = 10
"""No figure about several people stands for fewer; twice what Microsoft's Viva analysis ships with."""
SKILLS_PER_PERSON_MAX = 40
REASON_CHARS_MAX = 500
EMOJI_CHARS_MAX = 32
"""The longest emoji sequence of Unicode 15 has 10 code points; short names fit too."""
MEMBERS_PER_CONVERSATION_MAX = 50
"""A larger group is a private community."""
IMPORT_KEY_CHARS_MAX = 120

# -- files -----------------------------------------------------------------------------------------
MEDIA_BYTES_MAX = 25 * 1024 * 1024
"""What company mail takes; a longer recording belongs where films are streamed from."""
ATTACHMENTS_PER_POST_MAX = 6
"""Their thumbnails and the longest text fit one event body together."""
THUMBNAIL_BYTES_MAX = 32 * 1024
"""Of one picture, inside its event; at 480 pixels most take 10 to 20 KiB."""
PICTURE_PIXELS_MAX = 50_000_000
"""What a good phone takes; 200 MiB while it is looked at, one at a time."""
PICTURE_FRAMES_MAX = 500
"""A moving picture of half a minute; all its frames together have the pixels of one still picture."""
FILE_NAME_CHARS_MAX = 200
"""Below the 255 bytes of common file systems for most scripts."""
ALT_TEXT_CHARS_MAX = 1_000
"""A picture described in a paragraph."""
UPLOADS_PER_PERSON_MAX = 60
"""Not yet attached to a post: ten posts' worth, and the most a person can fill a disk with in a day."""
UPLOAD_KEPT_SECONDS = 86_400
"""A draft may lie over night; what no post uses by then is deleted."""
STRAY_KEPT_DAYS = 35
"""As long as a backup: the database may have been put back, and the posts of a file that it does not know come later."""
UPLOAD_SECONDS_MAX = 300
"""25 MiB over a slow mobile line of 1 Mbit/s take 210 s."""
MEDIA_FETCHES_MAX = 4
"""From other regions at once: they share the line with the events."""
MEDIA_FETCH_SECONDS_MAX = 120
"""One region's answer, whole: 25 MiB at 2 Mbit/s; after that another region is asked."""
MEDIA_WAIT_SECONDS_MAX = 10
"""How long a reader's request waits for another region; then the page shows that the file is on its way."""
MEDIA_RETRY_SECONDS = 5
"""After every region failed: a page full of readers must not ask for the same file at each request."""
PEER_PROOF_SECONDS_MAX = 300
"""Clocks of regions may differ by minutes, and a copied request gets nobody but its sender's region anything."""

# -- commands ------------------------------------------------------------------------------------
KEY_CHARS_MIN = 8
"""Shorter client keys collide by accident."""
KEY_CHARS_MAX = 64
"""Room for a UUID or ULID with a prefix."""
KEY_KEPT_DAYS = 7
"""A phone that was off for a long weekend may still resend its outbox."""
KEYS_CARRIED_MAX = 1_000
"""Client keys that follow a person to a new region: more than anybody has unanswered, 150 KB."""
COMMANDS_PER_10_S = 60
COMMANDS_BURST = 30
"""Of one person, over all their connections and HTTP: a person types far less; a runaway client is stopped before it
fills the log."""
WRITER_BATCH_JOBS_MAX = 256
"""Jobs in one transaction: the fsync is already shared 256-fold; more only delays the first answer."""
WRITER_SHORT_JOB_EVENTS_MAX = 32
"""Events of a peer that one job may store and still go before longer ones: one or two milliseconds of the writer."""
WRITER_LONG_JOBS_MAX = 4
"""Longer jobs in one transaction while nothing shorter waits: 256 events of a backlog share an fsync."""
WRITER_QUEUE_JOBS_MAX = 8_192
"""About one second of full-speed work; beyond it the node answers ``overloaded`` at once (I9)."""
COMMANDS_IN_FLIGHT_MAX = 4_096
"""Of all sockets together; half of the writer's queue, so that HTTP and imports keep their share."""
COMMAND_BYTES_MAX = 256 * 1024
"""The text limit in four-byte characters plus its envelope."""
ERASED_POSTS_PER_EVENT_MAX = 100
"""What stays of a post takes about 150 bytes, so one event stays below a packet or two of any link."""
ERASED_POSTS_PER_COMMAND_MAX = 1_000
"""About 0.2 s of the writer's time; who wrote more is erased by sending the command again."""

# -- client sockets ------------------------------------------------------------------------------
CLIENT_FRAME_BYTES_MAX = 256 * 1024
"""One command; larger things go by HTTP. iOS refuses received frames over 1 MiB by default."""
DEFLATE_BYTES_MIN = 512
"""A packet takes about 1,400 bytes and a short event 300: deflating less saves no packet worth 15 µs."""
CHANNELS_PER_CONNECTION_MAX = 256
CONNECTIONS_PER_PERSON_MAX = 20
"""Laptop, phone, tablet, several browser windows, a bot."""
UNAUTHENTICATED_SECONDS_MAX = 10
HANDSHAKES_PER_10_S = 2_000
"""From one address: below what a node can greet, so that one address cannot take all of it."""
HANDSHAKES_BURST = 6_000
"""An office of 2,000 behind one address comes back at once after a restart, each with three devices."""
WRITE_BUFFER_BYTES_MAX = 256 * 1024
"""High-water mark of one connection: above it the connection catches up from its cursor (I9)."""
STALLED_SECONDS_MAX = 15
"""No byte moved for this long: the reader is gone, not slow."""
UNTAKEN_SECONDS_MAX = 30
"""What the kernel holds for a client that takes none of it; twice the above, and a phone may lose its network."""
PING_SECONDS = 25
"""Common proxies cut a connection after 30 to 60 idle seconds."""
PONG_SECONDS_MAX = 10
"""After a ping without a byte: the slowest link takes two; so the dead are gone within 35 s."""
RING_EVENTS_PER_CHANNEL = 512
RING_BYTES_MAX = 64 * 1024 * 1024
SYNC_PAGE_EVENTS = 200
VALUE_SECONDS_MIN = 0.5
"""Counters and tallies are sent at most twice per second per channel: faster than eyes compare."""
TYPING_NAMES_MAX = 8
"""More names than fit on a line tell nobody anything."""

# -- HTTP ----------------------------------------------------------------------------------------
HTTP_BODY_BYTES_MAX = 1024 * 1024
IMPORT_BODY_BYTES_MAX = 8 * 1024 * 1024
"""One import request: a few thousand records, well below a second of the writer's time."""
IMPORT_RECORDS_PER_JOB = 128
"""Records decided inside one writer job, so that people's own commands are never far behind."""
LONG_POLL_SECONDS_MAX = 25
"""Below the 30 s after which the strictest common proxies give up on an answer."""
LONG_POLLS_PER_PERSON_MAX = 20
"""As many as connections: each window that gets no stream through may have to ask."""
PAGE_ITEMS_MAX = 100
SESSION_DAYS = 30
DEVICE_TOKEN_DAYS = 365
LOGIN_ATTEMPTS_PER_15_MIN = 10
"""Per account, ten times that per address (offices share one); Argon2id makes each cost about 50 ms."""
OPERATOR_PROOF_SECONDS_MAX = 60
"""Clocks of one machine do not differ; of two within what peers' clocks may, and a copy is soon worth nothing."""
PASSWORD_CHARS_MIN = 10
PASSWORD_CHARS_MAX = 200

# -- webhooks ------------------------------------------------------------------------------------
WEBHOOKS_MAX = 50
"""A region's other systems; each has a task and one connection of its own."""
WEBHOOK_URL_CHARS_MAX = 2_000
"""What common servers take."""
WEBHOOK_BATCH_EVENTS_MAX = 100
"""In one request: a round trip is shared a hundredfold, and half of it is soon found at fault."""
WEBHOOK_BODY_BYTES_MAX = 1024 * 1024
"""What common receivers take without being told to; one event alone may be half as large."""
WEBHOOK_ANSWER_SECONDS_MAX = 15
"""Name, connection, TLS, request and answer together; a receiver notes the event and works afterwards."""
WEBHOOK_ANSWER_BYTES_MAX = 1024
"""The beginning of an answer, shown to the operator when it is a refusal; the rest is not read."""
WEBHOOK_BACKOFF_SECONDS_MAX = 600
"""A receiver that is back after a night is noticed within ten minutes."""
WEBHOOK_FAILING_HOURS_MAX = 72
"""A weekend; then an operator is to say whether anybody still wants it. The log keeps what it missed."""
WEBHOOK_DEAD_MAX = 1_000
"""Events one receiver would not have; more is a receiver that understands nothing, and it is paused."""
WEBHOOK_SECRET_OVERLAP_HOURS = 24
"""How long the secret before the newest signs too: a day to change it at the receiver."""

# -- federation ----------------------------------------------------------------------------------
PEER_FRAME_BYTES_MAX = 2 * 1024 * 1024
"""A batch stops growing at 256 KiB, but one event may be a whole article; headroom for both."""
BATCH_EVENTS_MAX = 256
PAGE_EVENTS_MAX = 64
"""Of own lanes in a batch: 3 ms of the receiver's writer and one of each loop, so nobody waits longer behind one."""
BATCH_BYTES_MAX = 256 * 1024
"""Small enough that a control frame never waits long behind a batch on a slow link."""
BATCH_SECONDS_MIN = 0.01
"""Commits closer together go as one batch, with one signature; the first of them goes at once."""
BATCHES_PER_SECOND_MAX = 1_600
"""Of new events to all peers together: with more than sixteen of them commits wait longer for each other, 25 ms for
forty. A batch and its ACK take some 60 to 120 us of CPU, whatever is in it."""
CREDIT_BYTES = 4 * 1024 * 1024
"""What a receiver lets a peer have in flight: 16 full batches; 8 cover 250 ms at 7,000 events/s."""
FRESH_EVENTS = 2048
"""The newest of a lane that go before what is missing behind them, if that is more: eight batches, half a second's
work, and more than the first screens of anybody show."""
WINDOW_BYTES_MIN = 512 * 1024
"""Two full batches: one on its way while the other is committed."""
WINDOW_BYTES_START = 2 * 1024 * 1024
"""Eight full batches fill a line of 250 ms; more or less is found within a few round trips."""
QUEUEING_SECONDS_MAX = 0.1
"""What a batch may wait in queues before less is sent: a person does not notice it (RFC 6817's bound)."""
HELLO_SECONDS_MAX = 10
LINK_PING_SECONDS = 4
"""An operator sees within ten seconds that a line is dead: two are missed by then."""
LINK_SILENCE_SECONDS_MAX = 25
GOSSIP_SECONDS_MIN = 1
"""How far other regions' lanes are held here is told at most this often: a second is soon for a relay."""
RELAY_SECONDS_MIN = 3
"""An origin out of reach for this long is asked of another region: longer than a restart of a link."""
RELAY_STALLED_SECONDS_MAX = 10
"""A relay that holds more and brings nothing for this long is left for another."""
BACKOFF_SECONDS_MAX = 4
"""Twenty known peers: there is no crowd to protect, so with the handshake's round trips a link stands 5 s after
whatever was in its way, however long that was."""
BACKOFF_SECONDS_MIN = 0.25
REJECTED_SECONDS_MAX = 30
"""Only a person mends a rejection; asking every second would fill the logs of both sides."""
CLOCK_AHEAD_SECONDS_MAX = 60
"""A remote clock further ahead is clamped for display, alarmed, and its events are still stored. Nobody has read later."""
ASK_SECONDS_MAX = 10
"""A person waits for the answer; three round trips of the slowest link and a busy writer take two."""
ASKS_PER_PEER_MAX = 256
"""Commands under way to one region, each way: one batch of its writer; 64 MiB if each were the largest."""
ASKS_UNANSWERED_MAX = 10_000
"""Keys remembered of questions to other regions that got no answer: 2 MB. Clients ask again within minutes."""
EPHEM_FRAME_BYTES_MAX = 4 * 1024
"""Who is there and who types, in one frame, and what may be saved up: 3 ms of a line of 10 Mbit/s."""
EPHEM_BYTES_PER_S = 1536
"""Of that, each way on a link: below 5 % of what 200 events/s take; 30,000 people who flip at once are told in 20 s."""
LOOKED_AT_MAX = 32 * 1024
"""People and places of one region that another one's people look at: all of the design's 30,000."""
PRESENCE_SECONDS_MIN = 2
"""Changes of who is there wait for so long at least, so that they go together."""
PRESENCE_SECONDS_MAX = 5
"""And at most: drawn by chance, so that twenty regions do not tell each other at once."""
EPHEM_SECONDS_MIN = 1
"""Between two EPHEM frames: what somebody waits for, such as who types, is told within a second."""
PRESENCE_KEPT_SECONDS = 30
"""After a region's last word: longer than a link takes to come back."""
EVENT_BODY_BYTES_MAX = 512 * 1024
LANES_PER_PEER_MAX = 256
"""Lanes of one origin: a region sees about six, and six more after each restore of a backup there."""
RECOVERY_SECONDS_MAX = 45
"""A restored node waits this long at most for its own lost tail before people may write: 60 s in all."""
RECOVERY_SETTLE_SECONDS = 3
"""After the first peer was heard: the others are given the time to say what they know too."""
KEYS_PER_REGION_MAX = 64
"""Successors of a pinned key that are remembered: one a year outlives us, and a roster pins the newest anew."""
ROSTER_BYTES_MAX = 256 * 1024
"""Twenty regions take 8 KiB; half of what an event's body may have, since it travels in one."""
ROSTER_SIGNATURES_MIN = 2
"""Administrators that must sign a roster: no single person, and no single stolen key, changes the company."""
KEY_OVERLAP_DAYS = 7
"""How long an earlier key stays good after a rotation: time to come back from a backup made before it."""
