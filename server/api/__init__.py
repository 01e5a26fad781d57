"""HTTP under /api/v1: the same rules as the socket, for first loads, bots, imports and other systems.

    request -> harden (size, headers) -> Route: who? allowed? query and body typed -> endpoint -> answer
                                                                      \\-> refusal -> status and code

- ``app``        create_app: what ops calls; ``services``: what it hands over
- ``table``      every route in one list: from it come the routing, the OpenAPI document and its tests; two of its
  groups are ``table_sessions`` and ``table_systems``
- ``route``      what a route declares, and how a request becomes a call of its endpoint
- ``answers``    values and refusals as responses; bodies read in pieces with a bound
- ``access``     cookies and bearer tokens, and the origin check for what browsers send by themselves
- ``openapi``    the table as an OpenAPI 3.1 document
- ``handover``   an answer whose connection goes on to another owner: the event streams of live clients
- ``hardening``  security headers for every answer, request counts, the last resort for our own bugs
- ``static``     the built web client
- ``resources/`` one file per resource

House rules: a route declares what it takes and gives as types; nothing untyped comes in or goes out.
No route decides who may see what: it asks ``domain/visibility`` on loaded facts (I12). A refusal is
returned, not raised, except out of code that must unwind.
"""
