/** The websocket subprotocol which this SDK speaks. */
export const SUBPROTOCOL = "tap.v1.json";
