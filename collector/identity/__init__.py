"""Who a box is: the authority that signs certificates, and the desk at which boxes get theirs."""
