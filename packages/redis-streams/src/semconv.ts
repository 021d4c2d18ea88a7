/** Seconds (double) for which an entry had lain with the consumer that it was claimed from. */
export const ATTR_DELIVERY_IDLE = 'waybill.delivery.idle'
